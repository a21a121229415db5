import { lexicon } from './lexicon.ts'

export const german = lexicon(
  {
    functionWords: `
      der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner keines
      mein meine meinen meinem meiner meines dein deine deinen deinem deiner deines sein seine seinen seinem seiner
      seines ihr ihre ihren ihrem ihrer ihres unser unsere unseren unserem unserer unseres euer eure euren eurem eurer
      eures dieser diese dieses diesen diesem jener jene jenes jenen jenem jeder jede jedes jeden jedem
      welcher welche welches welchen welchem solche solcher solchen manche mancher alle allen aller beide beiden
      ich du er sie es wir man wer
      bin bist ist sind seid war warst waren wart habe hast hat haben habt hatte hattest hatten hattet
      werde wirst wird werden werdet wurde wurden würde würdest würden
      kann kannst können könnt konnte konnten könnte könnten muss musst müssen müsst musste mussten müsste müssten
      soll sollst sollen sollt sollte sollten will willst wollen wollt wollte wollten
      darf darfst dürfen durfte durften dürfte mag magst mögen möchte möchten möchtest
      nicht sehr zu so ganz nur auch schon noch sogar etwa ungefähr fast herr frau`,
    conjunctions: `
      und oder aber denn sondern doch weil dass daß ob wenn als wie während nachdem bevor ehe bis seit seitdem damit
      obwohl obgleich falls sofern solange sobald indem sowie sodass weder noch entweder wo wohin woher warum weshalb
      womit wofür wodurch beziehungsweise`,
    prepositions: `
      in im ins an am ans auf aufs aus bei beim mit nach von vom vor vorm zu zum zur über übers unter unterm um ums für
      fürs durch durchs gegen ohne zwischen neben hinter hinterm seit ab bis trotz wegen während statt anstatt außer
      gegenüber innerhalb außerhalb oberhalb unterhalb entlang laut gemäß pro per via je`,
    abbreviations: `
      dr prof hr fr frl dipl ing st str nr bd bzw ca evtl ggf inkl exkl max min mio mrd sog vgl z zt zzgl abs
      bspw gem geb gest hrsg jh kap lt n.chr v.chr o.ä s o u u.a d.h z.b i.d.r z.t u.u v.a m.e s.o s.u tel
       feb apr jun jul aug sep sept okt nov dez `,
    finalAbbreviations: 'usw etc usf uvm u.s.w u.v.m co o.ä u.ä',
    units: `
      prozent promille euro cent dollar pfund franken grad sekunde sekunden minute minuten stunde stunden uhr tag tage
      tagen woche wochen monat monate monaten jahr jahre jahren jahrhundert millimeter zentimeter meter metern kilometer
      kilometern gramm kilo kilogramm tonnen liter litern hektar quadratmeter hundert tausend million millionen
      milliarde milliarden mal leute menschen mio mrd std sek`,
    numbers: `
      zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn
      neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend`,
  },
  { ordinalDot: true },
)
