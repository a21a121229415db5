// Reads an address for ever and says when the first audio has come, until it is killed.
import { httpSource, resample } from 'diarize-stream'

const [address = ''] = process.argv.slice(2)
httpSource(address)
  .pipe(resample())
  .once('data', () => process.stdout.write('audio\n'))
  .resume()
