import { homedir } from 'node:os'
import path from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { hubCache, modelsFolder, stateFolder } from '../../../src/engine/models/places.ts'

vi.mock('node:os', async (load) => {
  const os = await load<typeof import('node:os')>()
  return { ...os, homedir: vi.fn<() => string>(os.homedir) }
})

const home = path.join(homedir(), '.cache')

describe('hubCache', () => {
  it.each([
    [{}, path.join(home, 'huggingface', 'hub')],
    [{ XDG_CACHE_HOME: '/cache' }, '/cache/huggingface/hub'],
    [{ XDG_CACHE_HOME: 'relative' }, path.join(home, 'huggingface', 'hub')],
    [{ XDG_CACHE_HOME: '/cache', HF_HOME: '/hf' }, '/hf/hub'],
    [{ HF_HOME: '/hf', HUGGINGFACE_HUB_CACHE: '/old' }, '/old'],
    [{ HF_HOME: '/hf', HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/new' }, '/new'],
    [{ HF_HOME: '' }, path.join(home, 'huggingface', 'hub')],
  ])('of %j is %s', (env, folder) => {
    expect(hubCache(env)).toBe(folder)
  })
})

describe('the folders of models and of what is remembered', () => {
  it('are named by the environment', () => {
    expect(modelsFolder({})).toBeUndefined()
    expect(modelsFolder({ DIARIZE_STREAM_MODELS: '/models' })).toBe('/models')
    expect(stateFolder({ XDG_CACHE_HOME: '/cache' })).toBe('/cache/diarize-stream')
  })

  it('are at the root where the system knows no home', () => {
    vi.mocked(homedir).mockImplementation(() => {
      throw Object.assign(new Error('uv_os_homedir returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' })
    })
    expect([stateFolder({}), hubCache({})]).toEqual(
      ['diarize-stream', 'huggingface/hub'].map((name) => path.resolve('/.cache', name)),
    )
    expect(stateFolder({ XDG_CACHE_HOME: '/cache' })).toBe('/cache/diarize-stream')
  })
})
