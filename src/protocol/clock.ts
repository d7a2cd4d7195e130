/**
 * What arrival time is reckoned from. It is a function of the base and the machine's monotonic clock
 * alone, so all threads that have the same base have the same time.
 */
export interface ClockBase {
  /** What the wall clock said when it was adopted. */
  readonly wallMs: number
  /** The machine's monotonic clock at that moment. */
  readonly monotonicMs: number
  /** Arrival time at that moment is at least this; 0 for no such bound. */
  readonly floorMs: number
}

/** The clock of a process as the gateway sees it and as `/v1/clock` shows it. */
export interface ServedClock {
  /** Arrival time, ms since 1970. */
  now(): number
  status(): ClockStatus
  /** Goes by what the wall clock says now; arrival time does not run back. */
  accept(): Promise<ClockStatus>
}

export interface ClockStatus {
  /** Arrival time, ISO 8601. */
  readonly arrival: string
  /** The wall clock, ISO 8601. */
  readonly wall: string
  /** How far the wall clock is ahead of arrival time; negative where it is behind. */
  readonly driftSeconds: number
  /**
   * `drifted`: the wall clock has jumped and was not accepted. `catchingUp`: arrival time is ahead of
   * the wall clock and slower until that has caught up.
   */
  readonly state: 'steady' | 'drifted' | 'catchingUp'
  /** Seconds that the server has to run until retention drops anything; 0 where it is not held. */
  readonly retentionHeldSeconds: number
}
