"""Chinese, in both its scripts."""

from __future__ import annotations

from serving.wording.wording import Wording

SIMPLIFIED = Wording(
    code="zh-Hans",
    not_found="我在文档中没有找到相关内容。",
    not_named="找到的内容中没有提到 {names}。",
    not_dated="*该日期的文档没有说明；以下内容来自其他文档。*",
    differ="*各处来源不一致：* {one}；{other}。",
    says="{source} 称 {value}",
    undated="无日期",
    broke_off="模型在此中断。文档中的内容如下：",
    declined="文档中没有",
    degraded="语言模型目前不可用：它没有写出的部分引自文档。",
    quoted="逐字引自文档，并非由语言模型撰写。如何接入模型，请见 {guide}。",
    sources="来源",
    source="来源 {number}",
    places="可以查看的位置",
    page="第 {number} 页",
    weak="该段落可能没有这样说",
    identity="我根据提供给我的文档回答问题，并注明答案的出处。",
    thanks="不客气。欢迎继续提问。",
    farewell="再见。",
    greeting="你好。请提问，我会在文档中查找答案。",
    assent="好的。欢迎继续提问。",
    no_words="我没有读到文字。请提问，我会在文档中查找答案。",
    colon="：",
)

TRADITIONAL = Wording(
    code="zh-Hant",
    not_found="我在文件中沒有找到相關內容。",
    not_named="找到的內容中沒有提到 {names}。",
    not_dated="*該日期的文件沒有說明；以下內容來自其他文件。*",
    differ="*各處來源不一致：* {one}；{other}。",
    says="{source} 稱 {value}",
    undated="無日期",
    broke_off="模型在此中斷。文件中的內容如下：",
    declined="文件中沒有",
    degraded="語言模型目前無法使用：它沒有寫出的部分引自文件。",
    quoted="逐字引自文件，並非由語言模型撰寫。如何接上模型，請見 {guide}。",
    sources="來源",
    source="來源 {number}",
    places="可以查看的位置",
    page="第 {number} 頁",
    weak="該段落可能沒有這樣說",
    identity="我根據提供給我的文件回答問題，並註明答案的出處。",
    thanks="不客氣。歡迎繼續提問。",
    farewell="再見。",
    greeting="你好。請提問，我會在文件中尋找答案。",
    assent="好的。歡迎繼續提問。",
    no_words="我沒有讀到文字。請提問，我會在文件中尋找答案。",
    colon="：",
)
