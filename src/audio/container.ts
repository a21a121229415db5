/** How many first bytes {@link containerName} needs to tell. */
export const containerProbeBytes = 12

const signatures: readonly { name: string; offset: number; bytes: string }[] = [
  { name: 'AVI', offset: 8, bytes: 'AVI ' },
  { name: 'MP4 or QuickTime', offset: 4, bytes: 'ftyp' },
  { name: 'Ogg', offset: 0, bytes: 'OggS' },
  { name: 'FLAC', offset: 0, bytes: 'fLaC' },
  { name: 'Matroska or WebM', offset: 0, bytes: '\x1a\x45\xdf\xa3' },
  { name: 'AIFF', offset: 0, bytes: 'FORM' },
  { name: 'CAF', offset: 0, bytes: 'caff' },
  { name: 'AMR', offset: 0, bytes: '#!AMR' },
  { name: 'MP3', offset: 0, bytes: 'ID3\x03\x00' },
  { name: 'MP3', offset: 0, bytes: 'ID3\x04\x00' },
]

/**
 * The name of the media container that begins with `head`, if it is one that four or more fixed bytes give away. Weaker
 * signs, such as the 11 bits that start an MP3 frame, are left out on purpose: PCM samples may look like them.
 */
export function containerName(head: Buffer): string | undefined {
  const text = head.toString('latin1', 0, containerProbeBytes)
  return signatures.find(({ offset, bytes }) => text.startsWith(bytes, offset))?.name
}
