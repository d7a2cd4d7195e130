/** Binary heap by time; items of equal time leave in any, but always the same, order. */
export class TimeQueue<T> {
  private readonly times: number[] = []
  private readonly items: T[] = []

  /** Time of the first item; Infinity when empty. */
  get time(): number {
    return this.times.length === 0 ? Infinity : this.times[0]
  }

  push(time: number, item: T): void {
    const { times, items } = this
    let at = times.length
    times.push(time)
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (times[parent] <= time) break
      times[at] = times[parent]
      items[at] = items[parent]
      at = parent
    }
    times[at] = time
    items[at] = item
  }

  /** Removes the first item; undefined when empty. */
  pop(): T | undefined {
    const { times, items } = this
    const top = items[0]
    const time = times.pop()
    const item = items.pop()
    if (time !== undefined && item !== undefined && times.length > 0) this.sink(time, item)
    return top
  }

  private sink(time: number, item: T): void {
    const { times, items } = this
    const { length } = times
    let at = 0
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && times[child + 1] < times[child]) child++
      if (times[child] >= time) break
      times[at] = times[child]
      items[at] = items[child]
      at = child
    }
    times[at] = time
    items[at] = item
  }
}
