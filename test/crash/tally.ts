/** What a campaign did; `reached` of these must not be zero in a campaign of some length. */
export const TALLIES = {
  kills: 'SIGKILL while it served or started',
  killsStarting: 'of these before it served',
  stops: 'SIGTERM instead',
  audits: 'audits of everything touched',
  sent: 'messages',
  acknowledged: 'messages acknowledged',
  retried: 'messages sent again because no answer had come',
  repeated: 'acknowledged messages sent once more',
  logins: 'logins acknowledged',
  secondLogins: 'of a device as another user',
  aliases: 'aliases acknowledged',
  races: 'aliases against each other at once',
  joinsCut: 'logins and aliases whose first answer a kill cut off',
  refusals: 'joins refused with a code (ERR_IDENTITY_*)',
  history: 'messages of history acknowledged',
  predictions: 'predictions in answers',
  promotions: 'promotions of a model version',
  trainings: 'trainings beside the traffic',
  timersFired: 'due instants fired by a timer',
  checkpoints: 'checkpoints, where the server tells',
  busy: 'answers 429 and 503',
} as const

export type Tally = keyof typeof TALLIES

export const TALLY_NAMES = Object.keys(TALLIES) as readonly Tally[]

export class Tallies {
  readonly #counts = new Map<Tally, number>()

  add(name: Tally, count = 1): void {
    this.#counts.set(name, this.get(name) + count)
  }

  get(name: Tally): number {
    return this.#counts.get(name) ?? 0
  }
}
