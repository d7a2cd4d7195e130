import { useEffect, useRef, useState } from 'preact/hooks'
import { title } from './format.ts'

const LEAVING_MS = 1500

/** Segments as chips; one that was left stays for a moment, struck out. */
export function Segments({ names }: { readonly names: readonly string[] }) {
  const before = useRef(names)
  const [left, setLeft] = useState<readonly string[]>([])
  useEffect(() => {
    const gone = before.current.filter((name) => !names.includes(name))
    before.current = names
    if (gone.length === 0) return
    setLeft(gone)
    setTimeout(() => setLeft([]), LEAVING_MS)
  }, [names])
  return (
    <ul class="chips" aria-label="Segments" aria-live="polite">
      {names.map((name) => (
        <li key={name} class="entered">
          {title(name)}
        </li>
      ))}
      {left
        .filter((name) => !names.includes(name))
        .map((name) => (
          <li key={`left ${name}`} class="left">
            {title(name)}
          </li>
        ))}
    </ul>
  )
}
