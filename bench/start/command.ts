/*
 * The same by the command.
 */

const [url = '', file = ''] = process.argv.splice(2)
process.argv.push(file, '--url', url, '-o', `${file}.srt`, '--quiet')
process.send?.(0)
await import('../../src/cli/main.ts')
