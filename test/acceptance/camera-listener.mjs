/** Listens to the camera at argv[2], over argv[3]; says "heard" when it gives audio. To be killed. */
import { rtspSource } from 'diarize-stream'

const [, , url = '', transport = 'tcp'] = process.argv
const source = rtspSource(url, {
  transport,
  stallTimeout: Number(process.argv[4] ?? 5000),
  connectTimeout: 1000,
})
source.once('data', () => process.stdout.write('heard\n'))
source.resume()
