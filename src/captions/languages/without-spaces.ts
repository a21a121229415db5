import { lexicon } from './lexicon.ts'

/** Japanese: particles and endings belong to the word before them. */
export const japanese = lexicon({
  enclitics: `
    は が を に へ と も の で や か ね よ な ぞ さ わ から まで より など だけ しか ばかり ほど ので のに けど けれど
    だ です でし ます まし た て たい ない なかっ ん う られる れる せる ば ながら って とか には では とは でも`,
  units: '円 ドル 年 月 日 時 分 秒 人 つ 回 個 本 枚 歳 度 番 階 キロ メートル グラム パーセント 万 億 時間 分間 年間',
})

/** Chinese: particles and endings belong to the word before them. */
export const chinese = lexicon({
  functionWords:
    '这 那 这个 那个 一个 不 没 没有 很 太 最 更 非常 我 你 他 她 它 我们 你们 他们 是 在 這 那個 這個 沒有',
  conjunctions: '和 与 或 或者 但 但是 可是 而 而且 因为 所以 如果 虽然 然后 因為 雖然 與',
  enclitics: '的 了 着 过 们 吗 呢 吧 啊 呀 嘛 地 得 著 過 們 嗎',
  units: '元 块 美元 年 月 日 号 点 分 秒 个 人 次 岁 度 公里 米 公斤 克 万 亿 分钟 小时 天 个月 塊 號 點 個 歲 萬 億',
})
