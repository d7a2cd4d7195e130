/** The shard that keeps the forest of renames. */
export const FOREST_SHARD = 0
