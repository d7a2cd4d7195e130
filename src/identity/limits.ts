import { REDIRECTS_MAX } from '../protocol/shard-messages.ts'

/** Most ids that may be joined to one profile; more is a shared device or a mistake. */
export const LINKS_MAX = 256
/** Most records of a profile that is joined, and of the one that it is joined to. */
export const HISTORY_MAX = 1_000_000
/** Longest chain of renames (a user renamed to a user renamed to …). */
export const RENAMES_MAX: number = REDIRECTS_MAX - 2
/** Longest chain of renames that was made before there was a bound, and is kept. */
export const OLD_RENAMES_MAX = 1_000_000
/** Longest walk along forwards: an anonymous id's, then a chain of renames. */
export const FORWARD_HOPS_MAX = REDIRECTS_MAX
/** Profiles that a key's events went to before, which are remembered. */
export const FORMER_MAX = 8
/** Undone joins that a profile remembers, to know a repeat of the command: both who got and who gave. */
export const SPLITS_MAX = 256
/** Records of a command that go in one slice, and their bytes, about. */
export const SLICE_RECORDS_MAX = 512
export const SLICE_BYTES_MAX = 256 * 1024
