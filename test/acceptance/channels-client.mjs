// Captions a call on two channels against the server that is named, with the turn detection of the service's own example.
import { diarize, fileSource, jsonlSink, resample, run } from 'diarize-stream'

const [input = '', url = '', jsonl = ''] = process.argv.slice(2)
const turns = diarize({
  url,
  apiKey: 'test-key',
  channels: ['Agent', 'Customer'],
  parameters: {
    speechModel: 'universal-streaming-english',
    formatTurns: true,
    endOfTurnConfidenceThreshold: 0.4,
    minTurnSilence: 160,
    maxTurnSilence: 400,
  },
})
const summary = await run(fileSource(input), resample({ sampleRate: 8000, channels: 'keep' }), turns, jsonlSink(jsonl))
console.log(JSON.stringify(summary))
