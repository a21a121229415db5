import { lexicon } from './lexicon.ts'

export const french = lexicon(
  {
    functionWords: `
    le la les un une des du au aux ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs
    quel quelle quels quelles chaque quelques plusieurs aucun aucune tout toute tous toutes
    je tu il elle on nous vous ils elles me te se lui y en ne qui que
    l' d' j' m' t' s' n' c' qu' jusqu' lorsqu' puisqu' quoiqu'
    suis es est sommes êtes sont étais était étions étiez étaient sera serai seras serons serez seront serait seraient
    ai as a avons avez ont avais avait avions aviez avaient aura aurai auras aurons aurez auront aurait auraient
    vais vas va allons allez vont peux peut pouvons pouvez peuvent pouvait pourrait dois doit devons devez doivent
    devait devrait veux veut voulons voulez veulent faut fait
    pas plus très trop si aussi bien peu moins
    m mme mlle monsieur madame`,
    conjunctions: `
    et ou mais donc or ni car que qui dont où quand lorsque lorsqu' puisque puisqu' comme si quoique quoiqu' parce
    tandis pendant alors afin sinon qu' pourquoi comment`,
    prepositions: `
    à a de d' du des au aux en dans sur sous par pour avec sans chez vers entre contre depuis pendant avant après
    devant derrière jusque jusqu' dès malgré parmi selon envers hors sauf durant outre voici voilà près loin lors`,
    abbreviations: `
    m mm mme mmes mlle mlles dr drs pr me mgr st ste av bd boul cf c.-à-d env fig fr hab max min n p pp p.ex
    tél chap janv févr avr juil sept oct nov déc éd coll`,
    finalAbbreviations: 'etc j.-c apr av co cie',
    units: `
    pour pourcent euros euro centimes francs dollars dollar livres degrés degré
    seconde secondes minute minutes heure heures jour jours semaine semaines mois an ans année années siècle siècles
    millimètres centimètres mètre mètres kilomètre kilomètres grammes gramme kilo kilos tonnes tonne litre litres
    hectares cent mille million millions milliard milliards fois personnes`,
    numbers: `
    deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt trente quarante
    cinquante soixante cent mille`,
    elisions: 'l d j m t s n c qu jusqu lorsqu puisqu quoiqu',
  },
  { spacedMarks: true },
)
