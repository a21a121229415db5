import { openPocketSphinx } from '../../src/engine/pocketsphinx.ts'
import { haveFlite } from './flite.ts'

/** Why tests with real recognition cannot run here; absent where they can. */
export const whyNoSphinx: string | undefined = haveFlite
  ? await openPocketSphinx().then(
      async (recogniser) => {
        await recogniser.close()
        return undefined
      },
      (error: Error) => error.message,
    )
  : 'flite is not installed (apt-get install flite)'

if (whyNoSphinx !== undefined) console.warn(`skipping the tests with real speech recognition: ${whyNoSphinx}`)
