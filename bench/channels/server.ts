import { serve } from '../../src/server/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { relabelled } from '../../test/helpers/relabelled.ts'

/*
 * The server of the benchmark of channels, in a process of its own so that the memory measured is the client's. It tells its
 * parent the address, and ends with it.
 */

const maxSessionDuration = Number(process.argv[2])
const server = await serve({ engine: relabelled(toneEngine(), 1), maxSessionDuration })
process.send?.(server.url)
process.on('disconnect', () => void server.close().then(() => process.exit(0)))
