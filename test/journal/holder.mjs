// Takes a data directory and keeps it until it is killed. Runs on dist. Argument: the directory.
import { writeSync } from 'node:fs'
import { lockDataDirectory } from '../../dist/src/journal/directory.js'

const lock = lockDataDirectory(process.argv[2], { shardCount: 2 })
lock.setAddress('http://127.0.0.1:9')
writeSync(1, 'held\n')
setInterval(() => lock, 1000)
