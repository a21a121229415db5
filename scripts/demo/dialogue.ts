/** One of the two people heard in the demo clip. */
export interface Speaker {
  /** The label in the reference, as a diarizer would give it: by order of appearance. */
  name: string
  /** The flite voice that speaks the lines. */
  voice: string
}

/** One line of the script. */
export interface Line {
  /** The {@link Speaker.name} of who says it. */
  speaker: string
  /** What is said, as one would write it. */
  text: string
  /** Silence before the line, in ms: after the last word before it, or from the start of the clip. */
  gap: number
}

/** A man and a woman, so that the two can be told apart without a trained model. */
export const speakers: readonly Speaker[] = [
  { name: 'A', voice: 'rms' },
  { name: 'B', voice: 'slt' },
]

/**
 * Two friends plan a day at the lake. Common words only, so that a small recogniser knows them all;
 * one turn is shorter than a second, because short turns are where speaker labels are hardest.
 */
export const dialogue: readonly Line[] = [
  { speaker: 'A', gap: 500, text: 'Good morning, I hope that you are ready for our trip to the lake.' },
  { speaker: 'B', gap: 620, text: 'Yes, I have been thinking about it all week.' },
  { speaker: 'A', gap: 550, text: 'What would you like to do when we get there?' },
  { speaker: 'B', gap: 700, text: 'I want to walk along the water and look at the birds.' },
  { speaker: 'A', gap: 500, text: 'That sounds good to me, but what if it starts to rain?' },
  { speaker: 'B', gap: 880, text: 'Then we can sit in the little house and drink hot coffee.' },
  { speaker: 'A', gap: 480, text: 'Wonderful.' },
  { speaker: 'B', gap: 650, text: 'How long does it take to drive to the lake?' },
  { speaker: 'A', gap: 600, text: 'It takes about an hour if the roads are clear.' },
  { speaker: 'B', gap: 520, text: 'Then we should leave early, before the town wakes up.' },
  { speaker: 'A', gap: 460, text: 'I will wait for you in front of the school.' },
  { speaker: 'B', gap: 360, text: 'That is a good idea, and we should not forget to bring the camera.' },
  { speaker: 'A', gap: 750, text: 'I hope that the sun will shine the whole day.' },
  { speaker: 'B', gap: 560, text: 'My brother told me that the weather will be fine.' },
]
