import { History } from '../../captions/composer/history.ts'
import { laidOutFormats, stackedFormats, stackedLayout } from '../../captions/formats/options.ts'
import { ChannelLayout } from '../../captions/layout/channels.ts'
import type { UnnumberedCue } from '../../captions/layout/layout.ts'
import { type CueLayoutOptions, layoutSettings } from '../../captions/layout/options.ts'
import { type CaptionReport, CaptionReporter } from '../../captions/report.ts'
import { type Utterance, UtteranceCollector } from '../../captions/segments.ts'
import type { Captionable } from '../../model.ts'
import { Writable } from 'node:stream'

/**
 * A sink that lays turns out and measures the cues. As in a file, turns are kept as long as a revision of them may come, and are
 * laid out as they were last revised.
 */
export class ReportSink extends Writable {
  readonly #collector = new UtteranceCollector()
  readonly #history = new History()
  readonly #layout: ChannelLayout
  readonly #reporter: CaptionReporter

  /** @param formats - of the outputs; captions are laid out as for the first that has any. */
  constructor(options: CueLayoutOptions, formats: readonly string[] = []) {
    super({ objectMode: true, highWaterMark: 16 })
    const isOneOf = (some: readonly string[], format = ''): boolean => some.includes(format.toLowerCase())
    const first = formats.find((format) => isOneOf(laidOutFormats, format))
    const own = isOneOf(stackedFormats, first) ? { ...stackedLayout, ...options } : options
    this.#layout = new ChannelLayout(layoutSettings(own))
    this.#reporter = new CaptionReporter(own)
  }

  get report(): CaptionReport {
    return this.#reporter.report()
  }

  override _write(item: Captionable, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    for (const utterance of this.#collector.add(item)) this.#add(utterance)
    done()
  }

  override _final(done: (error?: Error | null) => void): void {
    for (const utterance of this.#collector.end()) this.#add(utterance)
    for (const utterance of this.#history.kept) this.#measure(this.#layout.add(utterance))
    this.#measure(this.#layout.close(Infinity))
    done()
  }

  #add(utterance: Utterance): void {
    this.#history.record(utterance)?.entry.pack()
    if (!this.#history.hasOld) return
    const kept = [...this.#history.kept]
    this.#history.forget()
    for (const old of kept.slice(0, kept.length - this.#history.kept.length)) this.#measure(this.#layout.add(old))
  }

  #measure(cues: readonly UnnumberedCue[]): void {
    for (const cue of cues) this.#reporter.add(cue)
  }
}
