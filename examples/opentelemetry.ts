// Captions a file, and traces it by OpenTelemetry: npx tsx opentelemetry.ts talk.mp4 talk.srt
import { subscribe } from 'node:diagnostics_channel'
import { type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { diarize, type DiagnosticsChannels, fileSource, resample, run, srtSink } from 'diarize-stream'

const [input = 'talk.mp4', output = 'talk.srt'] = process.argv.slice(2)

// Where spans go is yours to say: an OTLPTraceExporter in the place of the console's, say.
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] })
trace.setGlobalTracerProvider(provider)
const tracer = trace.getTracer('diarize-stream')

const on = <Name extends keyof DiagnosticsChannels>(
  name: Name,
  listener: (message: DiagnosticsChannels[Name]) => void,
) => subscribe(name, (message) => listener(message as DiagnosticsChannels[Name]))

// A span for each session and each file, by the session's id and the file's path.
const spans = new Map<string, Span>()
const end = (key: string, error?: { code?: string; message: string }): void => {
  const span = spans.get(key)
  spans.delete(key)
  if (error !== undefined) span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
  span?.end()
}

on('diarize-stream:session:start', ({ stream, session }) => {
  const { sessionId, engine, model, offset } = session
  spans.set(sessionId, tracer.startSpan('session', { attributes: { stream, sessionId, engine, model, offset } }))
})
on('diarize-stream:turn', ({ turn }) => {
  const { order, revision, start, speaker = '?', words } = turn
  spans.get(turn.sessionId)?.addEvent('turn', { order, revision, start, end: turn.end, speaker, words: words.length })
})
on('diarize-stream:gap', ({ stream, gap }) => {
  tracer.startSpan('gap', { attributes: { stream, start: gap.start, end: gap.end } }).end()
})
on('diarize-stream:session:end', ({ sessionId, error }) => end(sessionId, error))
on('diarize-stream:file:start', ({ path, stage }) => {
  spans.set(path, tracer.startSpan('file', { attributes: { path, stage } }))
})
on('diarize-stream:file:end', ({ path, error }) => end(path, error))

await run(fileSource(input), resample(), diarize(), srtSink(output))
await provider.shutdown()
