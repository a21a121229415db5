import { lexicon } from './lexicon.ts'

export const english = lexicon({
  functionWords: `
    a an the this these those my your his her its our their whose every each no
    i you he she we they it who
    i'm you're he's she's it's we're they're there's that's who's what's let's
    i've you've we've they've i'll you'll he'll she'll it'll we'll they'll i'd you'd he'd she'd we'd they'd
    am is are was were be been being do does did have has had having
    can could will would shall should may might must ought
    isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't
    can't cannot couldn't won't wouldn't shouldn't mustn't
    not very too quite rather really just only even also almost
    mr mrs ms dr`,
  conjunctions: `
    and but or nor so yet because that which who whom whose when whenever while where wherever if than unless until
    till as though although whether how why what plus except`,
  prepositions: `
    of in on at to for with from by about into onto upon over under above below after before between among through
    throughout during without within along across against around behind beside besides beneath beyond inside outside
    near past since toward towards off per via like despite unlike`,
  abbreviations: `
    mr mrs ms messrs mmes dr prof rev fr gov sen pres gen col capt cpt cmdr lt maj sgt st mt
    vs v cf viz approx est dept vol nos pp eds e.g i.e eg ie ca jan feb apr jun jul aug sep sept
    oct nov dec tue tues thu thurs fri ave blvd rd ph.d`,
  finalAbbreviations:
    'etc al jr sr inc ltd co corp bros u.s u.s.a u.k u.n e.u d.c l.a n.y a.m p.m b.c a.d m.d ph.d esq',
  units: `
    percent per dollars dollar euros euro pounds pound cents cent pence degrees degree
    seconds second minutes minute hours hour days day weeks week months month years year decades centuries
    millimeters centimeters meters meter kilometers kilometer metres metre kilometres kilometre
    inches inch feet foot yards yard miles mile acres
    grams gram kilos kilo kilograms tons tonnes ounces ounce liters liter litres litre gallons gallon
    hundred thousand million billion trillion dozen times points people am pm a.m p.m o'clock mph`,
  numbers: `
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion`,
})
