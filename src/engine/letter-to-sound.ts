/**
 * How a word that no dictionary has is probably said, in the phones of the CMU dictionary without stress. English
 * spelling allows no more than a guess; for names, the values of the letters in most other languages are a second one.
 */

interface Rule {
  letters: string
  phones: string[]
  /** What must stand before and after the letters. */
  before: RegExp
  after: RegExp
}

/** What the sign behind the letters of a rule asks of the letters that follow. */
const followers: Record<string, RegExp> = {
  '': /^/,
  // The end of the word.
  $: /^$/,
  // A vowel that makes c and g soft.
  '+': /^[eiy]/,
  // One consonant and a silent e, before which a vowel is long.
  '~': /^[bcdfgklmnpstvz]e$/,
}

/** Reads rules such as `^kn=N`, at the start of a word, and `tion=SH-AH-N`; the first that fits is taken. */
function rules(table: string): Rule[] {
  return table.split(/\s+/).map((entry) => {
    const [, start, letters, sign, phones] = /^(\^?)([a-z]+)([$+~]?)=([A-Z-]*)$/.exec(entry)!
    return {
      letters: letters!,
      phones: phones!.split('-').filter((phone) => phone !== ''),
      before: start === '' ? /$/ : /^$/,
      after: followers[sign!]!,
    }
  })
}

const consonants = rules(
  '^dia=D-AY-AH tsch=CH tion=SH-AH-N sion=ZH-AH-N sch=SH tch=CH dge=JH ch=CH sh=SH th=TH ph=F wh=W qu=K-W q=K ck=K ^gh=G gh= ' +
    '^kn=N ^wr=R ^ps=S ^gn=N mb$=M ng$=NG ng=NG-G nk=NG-K ^x=Z x=K-S ge$=JH ce$=S sc+=S c+=S c=K b=B d=D f=F g=G h=HH ' +
    'j=JH k=K l=L m=M n=N p=P r=R s=S t=T v=V w=W ^y=Y z=Z',
)
const english = [
  ...rules(
    'ization=AH-Z-EY-SH-AH-N ation=EY-SH-AH-N eigh=EY igh=AY ough=AO augh=AO ee=IY ea=IY oo=UW ou=AW ow=OW oa=OW oi=OY oy=OY ai=EY ay=EY au=AO aw=AO ei=AY ' +
      'ey=IY ie=IY eu=UW ew=UW ue=UW ui=UW aa=AA ar=AA-R er=ER ir=ER ur=ER yr=ER or=AO-R a~=EY i~=AY o~=OW u~=UW ' +
      'a$=AH i$=IY o$=OW u$=UW y$=IY ^y=Y a=AE e=EH i=IH o=AA u=AH y=IH',
  ),
  ...consonants,
]
const continental = [
  ...rules(
    'ei=AY ai=AY ie=IY eu=OY au=AW ou=UW oo=OW aa=AA ee=EY er$=ER e$=AH ^y=Y a=AA e=EH i=IY o=OW u=UW y=IY j=Y w=V',
  ),
  ...consonants,
]

/**
 * Guesses the pronunciations of `word`, the likeliest first: one or two, each a list of phones; none where it has no
 * letter of the Latin alphabet. Accents and case do not count; what is no letter is left out.
 */
export function lettersToSound(word: string): string[][] {
  const letters = plainLetters(word)
  const guesses = [apply(withoutSilentE(letters), english, letters), apply(letters, continental, letters)]
  const texts = new Set(guesses.map((phones) => phones.join(' ')))
  return [...texts].filter((text) => text !== '').map((text) => text.split(' '))
}

/** The letters a to z of `text`, in lower case and without their accents. */
export function plainLetters(text: string): string {
  const unfolded = text.toLowerCase().replaceAll('ß', 'ss').replaceAll('ø', 'o').replaceAll('ł', 'l')
  return unfolded.normalize('NFKD').replace(/[^a-z]/g, '')
}

/** A last e is silent after a consonant, where there is another vowel. */
function withoutSilentE(letters: string): string {
  return /[aeiouy].*[^aeiouy]e$/.test(letters) && !/[cg]e$/.test(letters) ? letters.slice(0, -1) : letters
}

/** `whole` is `letters` with what was taken off its end. */
function apply(letters: string, table: readonly Rule[], whole: string): string[] {
  const phones: string[] = []
  for (let at = 0; at < letters.length;) {
    const found = table.find(
      ({ letters: own, before, after }) =>
        letters.startsWith(own, at) && before.test(letters.slice(0, at)) && after.test(whole.slice(at + own.length)),
    )
    for (const phone of found?.phones ?? []) if (phone !== phones.at(-1)) phones.push(phone)
    at += found?.letters.length ?? 1
  }
  return phones
}
