import { type Microphone, microphones } from '../../sources/microphone.ts'
import { printable } from '../view/text.ts'

/** A line for each microphone: its id for `--device`, its name, and which one is taken where none is named. */
export async function microphoneLines(list: () => Promise<readonly Microphone[]> = microphones): Promise<string[]> {
  const found = await list()
  if (found.length === 0) return ['no microphone was found; attach one, and allow this program to use it']
  const width = Math.max(...found.map(({ id }) => printable(id).length))
  return found.map(({ id, name, preferred }) => {
    const about = name === id ? '' : `  ${printable(name)}`
    return `${printable(id).padEnd(width)}${about}${preferred ? '  (taken where none is named)' : ''}`.trimEnd()
  })
}
