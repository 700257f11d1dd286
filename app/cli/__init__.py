"""The `ragloop` command. Each module owns one group of commands; `console` owns how they speak."""
