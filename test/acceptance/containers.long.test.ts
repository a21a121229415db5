import { readFile, writeFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { ffmpeg } from '../helpers/media.ts'
import { onsets, tones } from '../helpers/onsets.ts'
import { describeSound, mediaFolder } from './containers.ts'

describeSound('others')

const { at } = mediaFolder()

it('an hour of TV whose sound changes between stereo and 5.1 every ten minutes lies where it was recorded', async () => {
  const part = async (channels: number): Promise<Buffer> => {
    const file = at(`${channels}.ac3`)
    await ffmpeg(...tones(600, [1]), '-ac', String(channels), file)
    return readFile(file)
  }
  const [stereo, surround] = [await part(2), await part(6)]
  const sound = at('sound.ac3')
  await writeFile(sound, Buffer.concat([stereo, surround, stereo, surround, stereo, surround]))
  const file = at('hour.ts')
  const film = ['-f', 'lavfi', '-i', 'testsrc=d=3600:s=64x48:r=5', '-map', '1:v', '-map', '0:a']
  await ffmpeg('-i', sound, ...film, '-c:v', 'mpeg1video', '-strict', 'unofficial', '-c:a', 'copy', file)
  const { found } = await onsets(file, false)
  const off = found.map((ms, index) => ms - (1000 + 600_000 * index))
  console.log(`off by ${off.join(', ')} ms`)
  expect(off).toHaveLength(6)
  expect(Math.max(...off.map(Math.abs))).toBeLessThanOrEqual(50)
}, 600_000)
