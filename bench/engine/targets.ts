import type { Summary } from './judge.ts'

interface Target {
  /** Start of the names of the groups it is for. */
  group: string
  what: string
  /** Upper bound as a share of 1. */
  most: number
  of: (summary: Summary) => number | undefined
}

const target = (group: string, what: string, most: number, of: Target['of']): Target => ({ group, what, most, of })

const targets: readonly Target[] = [
  target('libri ', 'live, collar 0.25 s', 0.06, ({ live }) => live?.collared),
  target('libri ', 'revised, collar 0.25 s', 0.03, ({ revised }) => revised?.collared),
  target('libri-equalised ', 'live, collar 0.25 s', 0.15, ({ live }) => live?.collared),
  target('libri-equalised ', 'revised, collar 0.25 s', 0.1, ({ revised }) => revised?.collared),
  target('flite ', 'live, collar 0.25 s', 0.05, ({ live }) => live?.collared),
  target('flite ', 'revised, collar 0.25 s', 0.03, ({ revised }) => revised?.collared),
  target('AMI', 'live, collar 0', 0.32, ({ live }) => live?.strict),
  target('katiesteve', 'live, collar 0.25 s', 0.024, ({ live }) => live?.collared),
]

/** What is asked of all material together. */
export const overall: readonly Target[] = [
  target('', 'wrong number of speakers after revision', 0.2, ({ revised }) => revised && 1 - revised.counted),
  target('', 'processor time per second of audio', 0.2, ({ realTimeFactor }) => realTimeFactor),
  target('', 'the same, of the speakers alone', 0.01, ({ speakersFactor }) => speakersFactor),
]

/** A target and what was measured. */
export interface Verdict {
  what: string
  measured: number
  most: number
  met: boolean
}

/** Holds `summary` of `group` against the targets for it; '' is all material. */
export function holdAgainstTargets(group: string, summary: Summary): Verdict[] {
  return (group === '' ? overall : targets)
    .filter((one) => group.startsWith(one.group))
    .flatMap(({ what, most, of }) => {
      const measured = of(summary)
      return measured === undefined
        ? []
        : [
            {
              what: group === '' ? what : `${group}: ${what}`,
              measured,
              most,
              met: Math.round(measured * 1000) / 1000 <= most,
            },
          ]
    })
}
