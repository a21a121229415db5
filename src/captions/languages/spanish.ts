import { lexicon } from './lexicon.ts'

export const spanish = lexicon({
  functionWords: `
    el la los las lo un una unos unas al del este esta estos estas ese esa esos esas aquel aquella aquellos aquellas
    mi mis tu tus su sus nuestro nuestra nuestros nuestras vuestro vuestra vuestros vuestras
    cada algún alguna algunos algunas ningún ninguna todo toda todos todas qué cuál cuánto
    yo tú él ella usted nosotros nosotras vosotros ellos ellas ustedes me te se nos os le les
    soy eres es somos sois son era eras éramos eran fui fue fueron sea sean ser será serán sería serían
    estoy estás está estamos estáis están estaba estaban estuvo
    he has ha hemos habéis han había habían habrá habría haya hay
    voy vas va vamos vais van puedo puedes puede podemos pueden podía podría podrían debo debe debemos deben debería
    quiero quiere queremos quieren tengo tiene tenemos tienen
    no ni muy más menos tan sólo solo casi ya también tampoco
    señor señora don doña san santa`,
  conjunctions: `
    y e o u pero sino porque que quien quienes cuando donde como si aunque mientras pues ni conque luego cuyo cuya
    cual cuales según excepto`,
  prepositions: `
    a ante bajo con contra de del al desde durante en entre hacia hasta mediante para por según sin sobre tras versus
    vía`,
  abbreviations: `
    sr sra srta sres dr dra drs d dña prof profa lic ing arq pdte pdta gral cnel cap tte sto sta av avda avd c cía
    ej p.ej pág págs núm nº n.º aprox cap fig vol art tel máx mín ene feb abr jun jul ago sept oct nov dic`,
  finalAbbreviations: 'etc ud uds vd vds ee.uu s.a s.l a.c d.c a.m p.m j.c cía',
  units: `
    por ciento euros euro céntimos pesos peso dólares dólar libras grados grado
    segundo segundos minuto minutos hora horas día días semana semanas mes meses año años siglo siglos
    milímetros centímetros metro metros kilómetro kilómetros gramos gramo kilo kilos toneladas litro litros hectáreas
    cien mil millón millones veces personas`,
  numbers: `
    dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince veinte treinta cuarenta cincuenta
    sesenta setenta ochenta noventa cien cientos mil`,
})
