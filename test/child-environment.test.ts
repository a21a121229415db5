import { expect, it } from 'vitest'
import { childEnvironment } from '../src/child-environment.ts'

it('leaves keys out, in whatever case they are spelt, and all else as it is', () => {
  const kept = { PATH: '/bin', ASSEMBLYAI_API_KEY_FILE: 'a', TOKEN: 'b' }
  const env = { ...kept, ASSEMBLYAI_API_KEY: 'c', Assemblyai_Api_Key: 'd', HF_TOKEN: 'e', HUGGING_FACE_HUB_TOKEN: 'f' }
  expect(childEnvironment(env)).toEqual(kept)
  expect(env.HF_TOKEN).toBe('e')
})
