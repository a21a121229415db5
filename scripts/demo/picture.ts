import { sampleRate } from './flite.ts'
import type { Reference, ReferenceTurn } from './timeline.ts'

/** Size of the picture in pixels. */
export const size = { width: 640, height: 360 }
/** Pictures per second. */
export const frameRate = 15

type Colour = readonly [red: number, green: number, blue: number]

const background: Colour = [15, 19, 30]
const track: Colour = [33, 40, 58]
const ink: Colour = [15, 19, 30]
const white: Colour = [235, 240, 248]

/** A round badge with the speaker's letter, and a lane of the time line below. */
const badges: readonly { x: number; colour: Colour; lane: number; letter: (x: number, y: number) => number }[] = [
  { x: 200, colour: [242, 176, 92], lane: 292, letter: letterA },
  { x: 440, colour: [92, 200, 196], lane: 312, letter: letterB },
]
const badge = { y: 140, radius: 62, swell: 26 }
const timeline = { left: 60, right: 580, thickness: 4, headTop: 280, headBottom: 324 }
/** How long a badge takes to light up or dim, in ms. */
const dimming = 160
/** Steps of brightness and of loudness that are told apart, so that equal pictures need drawing only once. */
const steps = 12

/**
 * The pictures of the clip, RGB, one after the other: the badge of whoever speaks is bright and surrounded by a ring
 * that follows the loudness; a time line below shows both speakers' turns.
 */
export function* pictures(samples: Int16Array, reference: Reference): Generator<Buffer> {
  const { width, height } = size
  const drawn = new Map<string, Buffer>()
  const count = Math.ceil((reference.durationMs * frameRate) / 1000)
  for (let n = 0; n < count; n++) {
    const now = (n * 1000) / frameRate
    const states = badges.map((_, i) => {
      const name = reference.speakers[i]?.name
      const turns = reference.turns.filter((turn) => turn.speaker === name)
      const light = Math.max(0, ...turns.map((turn) => brightness(turn, now)))
      const loud = turns.some((turn) => now >= turn.start && now < turn.end) ? loudness(samples, now) : 0
      return { light: Math.round(light * steps), loud: Math.round(loud * steps) }
    })
    const key = JSON.stringify(states)
    let base = drawn.get(key)
    if (!base) {
      base = Buffer.alloc(width * height * 3)
      fill(base, background)
      badges.forEach((item, i) => drawBadge(base!, item, (states[i]?.light ?? 0) / steps, (states[i]?.loud ?? 0) / steps))
      drawn.set(key, base)
    }
    const picture = Buffer.from(base)
    drawTimeline(picture, reference, now)
    yield picture
  }
}

/** 1 while the turn is spoken, fading to 0 before and after it. */
function brightness(turn: ReferenceTurn, now: number): number {
  return clamp(1 - Math.max(turn.start - now, now - turn.end, 0) / dimming)
}

/** Root mean square of the 80 ms around a moment, 1 at the loudest that speech gets here. */
function loudness(samples: Int16Array, now: number): number {
  const centre = Math.round((now * sampleRate) / 1000)
  const reach = sampleRate / 25
  let energy = 0
  for (let i = centre - reach; i < centre + reach; i++) energy += (samples[i] ?? 0) ** 2
  return clamp(Math.sqrt(energy / (2 * reach)) / 6000)
}

function drawBadge(picture: Buffer, item: (typeof badges)[number], light: number, loud: number): void {
  const { y, radius, swell } = badge
  const reach = radius + swell + 2
  const ring = radius + 6 + loud * (swell - 6)
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const distance = Math.hypot(dx, dy)
      if (light > 0) blend(picture, item.x + dx, y + dy, item.colour, 0.28 * light * clamp(ring - distance + 0.5))
      const face = mixColours(track, item.colour, 0.12 + 0.88 * light)
      blend(picture, item.x + dx, y + dy, face, clamp(radius - distance + 0.5))
      const stroke = clamp(4.5 - item.letter(dx, dy) + 0.5)
      if (stroke > 0) blend(picture, item.x + dx, y + dy, mixColours(item.colour, ink, light), stroke * (0.55 + 0.45 * light))
    }
  }
}

function drawTimeline(picture: Buffer, reference: Reference, now: number): void {
  const { left, right, thickness, headTop, headBottom } = timeline
  const toX = (ms: number) => left + ((right - left) * ms) / reference.durationMs
  const head = toX(now)
  badges.forEach((item, i) => {
    bar(picture, left, right, item.lane, thickness, () => track)
    for (const turn of reference.turns) {
      if (turn.speaker !== reference.speakers[i]?.name) continue
      const coming = mixColours(track, item.colour, 0.35)
      bar(picture, toX(turn.start), toX(turn.end), item.lane, thickness, (x) => (x <= head ? item.colour : coming))
    }
  })
  const x = Math.round(head)
  for (let y = headTop; y < headBottom; y++) for (const dx of [0, 1]) blend(picture, x + dx, y, white, 0.85)
}

function bar(picture: Buffer, from: number, to: number, y: number, thick: number, colour: (x: number) => Colour): void {
  for (let x = Math.round(from); x < Math.round(to); x++) {
    for (let dy = 0; dy < thick; dy++) blend(picture, x, y + dy, colour(x), 1)
  }
}

/** Distance from a point to the strokes of the letter A, whose centre is (0, 0). */
function letterA(x: number, y: number): number {
  const side = Math.abs(x)
  return Math.min(toStroke(side, y, 0, -25, 20, 25), side > 12 ? Infinity : Math.abs(y - 9))
}

/** Distance from a point to the strokes of the letter B, whose centre is (0, 0). */
function letterB(x: number, y: number): number {
  const stem = toStroke(x, y, -15, -25, -15, 25)
  const bows = [-12.5, 12.5].map((middle) =>
    x > 2
      ? Math.abs(Math.hypot(x - 2, y - middle) - 12.5)
      : Math.min(toStroke(x, y, -15, middle - 12.5, 2, middle - 12.5), toStroke(x, y, -15, middle + 12.5, 2, middle + 12.5)),
  )
  return Math.min(stem, ...bows)
}

/** Distance from a point to the line from (x1, y1) to (x2, y2). */
function toStroke(x: number, y: number, x1: number, y1: number, x2: number, y2: number): number {
  const along = clamp(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / ((x2 - x1) ** 2 + (y2 - y1) ** 2))
  return Math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1))
}

function fill(picture: Buffer, colour: Colour): void {
  for (let i = 0; i < picture.length; i++) picture[i] = colour[i % 3]!
}

function blend(picture: Buffer, x: number, y: number, colour: Colour, share: number): void {
  if (share <= 0) return
  const at = (y * size.width + x) * 3
  for (let i = 0; i < 3; i++) picture[at + i] = Math.round(picture[at + i]! * (1 - share) + colour[i]! * share)
}

function mixColours(from: Colour, to: Colour, share: number): Colour {
  const channel = (i: 0 | 1 | 2) => from[i] * (1 - share) + to[i] * share
  return [channel(0), channel(1), channel(2)]
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value))
}
