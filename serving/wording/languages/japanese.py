"""Japanese."""

from __future__ import annotations

from serving.wording.wording import Wording

JAPANESE = Wording(
    code="ja",
    not_found="これは文書の中に見つかりませんでした。",
    not_named="見つかった箇所のどこにも {names} は出てきません。",
    not_dated="*その日付の文書には書かれていません。以下はほかの文書からの引用です。*",
    differ="*出典の内容が食い違っています：* {one}／{other}。",
    says="{source} では {value}",
    undated="日付なし",
    broke_off="モデルの回答はここで途切れました。文書には次のように書かれています。",
    declined="文書にありません",
    degraded="言語モデルは現在利用できません。モデルが書いていない部分は文書からの引用です。",
    quoted="文書からの引用で、言語モデルが書いたものではありません。モデルの接続方法は {guide} にあります。",
    sources="出典",
    source="出典 {number}",
    places="参考になりそうな箇所",
    page="{number} ページ",
    weak="この箇所にはそう書かれていない可能性があります",
    identity="渡された文書をもとに質問に答え、答えの出典を示します。",
    thanks="どういたしまして。またいつでも質問してください。",
    farewell="さようなら。",
    greeting="こんにちは。質問をどうぞ。文書の中から答えを探します。",
    assent="はい。またいつでも質問してください。",
    no_words="言葉が見つかりません。質問をどうぞ。文書の中から答えを探します。",
    colon="：",
)
