// Captions a file against the server named in the environment, as a user with an API key would.
import { diarize, fileSource, jsonlSink, resample, run, srtSink, fanOut } from 'diarize-stream'

const [input = '', url = '', srt = '', jsonl = ''] = process.argv.slice(2)
const turns = diarize({
  url,
  apiKey: 'test-key',
  parameters: { speechModel: 'u3-rt-pro', maxSpeakers: 2, keytermsPrompt: ['lake'] },
})
await run(fileSource(input), resample(), turns, fanOut(srtSink(srt), jsonlSink(jsonl)))
