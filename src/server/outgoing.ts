import type { BeginConfiguration, SpeakerRevisionMessage, TurnMessage, WordMessage } from '../protocol/messages.ts'
import type { EngineRevision, EngineTurn, EngineWord } from '../engine/engine.ts'
import type { SessionSettings } from './settings.ts'

/** What stands where a speaker could not be told: `UNKNOWN` as documented, `PENDING` as seen since June 2026. */
export type UnattributedLabel = 'UNKNOWN' | 'PENDING'

export interface MessageStyle {
  speakerLabels: boolean
  languageDetection: boolean
  unattributedLabel: UnattributedLabel
}

function wordMessage(word: EngineWord, style: MessageStyle): WordMessage {
  return {
    start: word.start,
    end: word.end,
    text: word.text,
    // Clients want a number; ours are told that it says nothing.
    confidence: word.confidence ?? 0,
    ...(word.confidence === undefined && { confidence_is_known: false }),
    ...(style.speakerLabels && word.final ? { speaker: word.speaker ?? style.unattributedLabel } : {}),
    word_is_final: word.final,
  }
}

/** The message for a turn; `undefined` for a final without any words, which is not sent. */
export function turnMessage(turn: EngineTurn, style: MessageStyle): TurnMessage | undefined {
  if (turn.endOfTurn && turn.words.length === 0 && turn.transcript === '') return undefined
  const labelled = style.speakerLabels && turn.endOfTurn
  const named = style.languageDetection && turn.endOfTurn && turn.language !== undefined
  return {
    turn_order: turn.order,
    turn_is_formatted: turn.formatted,
    end_of_turn: turn.endOfTurn,
    transcript: turn.transcript,
    utterance: turn.endOfTurn ? turn.transcript : '',
    end_of_turn_confidence: turn.endOfTurnConfidence,
    words: turn.words.map((word) => wordMessage(word, style)),
    ...(named ? { language_code: turn.language } : {}),
    ...(labelled ? { speaker_label: turn.speaker ?? style.unattributedLabel } : {}),
    type: 'Turn',
  }
}

/** The message for changed labels; `undefined` where there are none, or none were asked for. */
export function revisionMessage(
  revisions: readonly EngineRevision[],
  style: MessageStyle,
): SpeakerRevisionMessage | undefined {
  if (!style.speakerLabels || revisions.length === 0) return undefined
  return {
    type: 'SpeakerRevision',
    revisions: revisions.map((revision) => ({
      turn_order: revision.order,
      speaker_label: revision.speaker ?? style.unattributedLabel,
      words: revision.words.map((word) => wordMessage(word, style)),
    })),
  }
}

/** What `Begin` says took effect: what no engine here applies is echoed as off. */
export function beginConfiguration(
  settings: SessionSettings,
  facts: { engineModel?: string | undefined; apiVersion: string; fasterThanRealTime: boolean },
): BeginConfiguration {
  return {
    model: facts.engineModel ?? settings.engine.model,
    mode: settings.mode,
    api_version: facts.apiVersion,
    speaker_labels: settings.engine.speakerLabels,
    redact_pii: false,
    filter_profanity: false,
    domain: null,
    voice_focus: null,
    ...(facts.fasterThanRealTime ? { faster_than_real_time: true } : {}),
  }
}
