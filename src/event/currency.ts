/** ISO 4217 codes in use, as the JavaScript engine's locale data lists them. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'))

export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code) || CURRENCIES.has(code.toUpperCase())
}
