import { ProgramClock } from './clock.ts'
import { pidOf } from './packets.ts'
import { programsOf, programsTable, SectionReader, streamsOf, tracksTable } from './sections.ts'

/** What packets have that are of no programme, where the stream has several. */
const none = -1

/**
 * The clocks of an MPEG transport stream: each of its programmes has one of its own, and begins at its own first time. What belongs to
 * which is said by tables, which may come behind the first packets.
 */
export class ProgramClocks {
  /** By the number of the programme. */
  readonly #clocks = new Map<number, ProgramClock>()
  /** The numbers of the programmes that there are; none until that is known. */
  #programs: readonly number[] = []
  readonly #tables = new Map<number, SectionReader>([[0, new SectionReader()]])
  /** What each programme consists of. */
  readonly #streams = new Map<number, ReturnType<typeof streamsOf>>()
  #isWaiting = true

  /** Reads the packet `at`; returns whether it says more of which packets belong to which programme. */
  read(bytes: Buffer, at: number): boolean {
    const pid = pidOf(bytes, at)
    // This is called of every packet.
    const table = this.#tables.get(pid)
    if (table === undefined) return false
    const sections = table.read(bytes, at, pid === 0 ? programsTable : tracksTable)
    for (const section of sections) {
      if (pid === 0) this.#setPrograms(programsOf(section))
      else this.#streams.set(section.readUInt16BE(3), streamsOf(section))
    }
    return sections.length > 0
  }

  /** Whether there are several programmes, each of which begins where it has begun itself. */
  get areSeveral(): boolean {
    return this.#programs.length > 1
  }

  /** The clock of the packets of the number `pid`; `undefined` where a table may come that says it. */
  of(pid: number): ProgramClock | undefined {
    const programs = this.#programs
    if (programs.length === 1) return this.#clockOf(programs[0]!)
    const program = programs.find((one) => this.#streams.get(one)?.pids.has(pid))
    if (program !== undefined) return this.#clockOf(program)
    const isKnown = programs.length > 0 && programs.every((one) => this.#streams.has(one))
    return isKnown || !this.#isWaiting ? this.#clockOf(none) : undefined
  }

  /** The clock of a stream without tables. */
  get only(): ProgramClock {
    return this.#clockOf(none)
  }

  /** No more is to be waited for tables. */
  stopWaiting(): void {
    this.#isWaiting = false
  }

  /** Another part of the stream begins. */
  beginPart(): void {
    for (const clock of new Set(this.#clocks.values())) clock.beginPart()
  }

  #setPrograms(programs: ReturnType<typeof programsOf>): void {
    this.#programs = programs.map(({ program }) => program)
    for (const { tableId } of programs) if (!this.#tables.has(tableId)) this.#tables.set(tableId, new SectionReader())
  }

  #clockOf(program: number): ProgramClock {
    const clock = this.#clocks.get(program) ?? this.#clockLike(program) ?? new ProgramClock()
    this.#clocks.set(program, clock)
    return clock
  }

  /** The clock of another programme, where that is the same. */
  #clockLike(program: number): ProgramClock | undefined {
    // Where recordings of one programme each were joined, its number may be another.
    if (this.#programs.length === 1) return this.#clocks.values().next().value
    const ticks = this.#streams.get(program)?.ticks
    const [, like] =
      [...this.#clocks].find(([other]) => ticks !== undefined && this.#streams.get(other)?.ticks === ticks) ?? []
    return like
  }
}
