import type { Progress } from '../progress.ts'
import { headToWidth } from './terminal-text.ts'

/** Seconds as a clock shows them: `0:07`, `12:34`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** A length of time for people: `3 s`, `2 min 05 s`, `1 h 02 min`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`
}

/** A bar of `width` columns of which `part`, from 0 to 1, is filled. */
export function bar(part: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, part)) * width)
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}

const BAR_WIDTH = 24
/** Longer times left are those of a speed that nothing can be said of yet. */
const LONGEST_GUESS_S = 100 * 3600

/**
 * One line, of `width` columns at most, on how far the work has come: with a bar and the time that is left where the
 * length of the input is known, else with the time that has gone by.
 *
 * @param duration - length of the input in seconds, if known.
 */
export function progressLine(progress: Progress, duration: number | undefined, width: number): string {
  const { seconds, speed, elapsedSeconds, speakers } = progress
  const heard = speakers.length === 0 ? '' : `  ${count(speakers.length, 'speaker')}`
  if (duration === undefined || duration <= 0) {
    return headToWidth(`${clock(seconds)} heard  ${clock(elapsedSeconds)} elapsed${heard}`, width)
  }
  const part = Math.min(1, seconds / duration)
  const toGo = (duration - seconds) / speed
  const left = part < 1 && toGo < LONGEST_GUESS_S ? `  ${span(toGo)} left` : ''
  const text = `${Math.floor(part * 100)} %  ${clock(Math.min(seconds, duration))} of ${clock(duration)}${left}${heard}`
  const room = width - text.length - 2
  return room < 4 ? headToWidth(text, width) : `${bar(part, Math.min(BAR_WIDTH, room))}  ${text}`
}

/** `1 turn`, `2 turns`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
