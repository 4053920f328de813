# Prints the scalars of a JSON text as PATH<tab>VALUE, array places counted from 0. Exit code 1 when it is not JSON
# (RFC 8259). Nothing is printed unless all of it was sound.
{ text = text $0 "\n" }
END {
  at = 1
  out = ""
  value("")
  space()
  if (!bad && at <= length(text)) bad = 1
  if (bad) exit 1
  printf "%s", out
}
function space() { while (substr(text, at, 1) ~ /[ \t\r\n]/ && at <= length(text)) at++ }
function fail() { bad = 1; return "" }
function value(path,   c, word) {
  if (bad) return
  space()
  c = substr(text, at, 1)
  if (c == "{") object(path)
  else if (c == "[") array(path)
  else if (c == "\"") { word = string(); emit(path, word) }
  else if (match(substr(text, at), /^(true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?)/)) {
    word = substr(text, at, RLENGTH)
    at += RLENGTH
    emit(path, word)
  } else fail()
}
function emit(path, word) {
  if (word ~ /[\t\n\r]/) return
  out = out path "\t" word "\n"
}
function object(path,   key) {
  at++
  space()
  if (substr(text, at, 1) == "}") { at++; return }
  while (!bad) {
    space()
    if (substr(text, at, 1) != "\"") return fail()
    key = string()
    space()
    if (substr(text, at++, 1) != ":") return fail()
    value(path == "" ? key : path "." key)
    space()
    c = substr(text, at++, 1)
    if (c == "}") return
    if (c != ",") return fail()
  }
}
function array(path,   n, c) {
  at++
  space()
  if (substr(text, at, 1) == "]") { at++; return }
  for (n = 0; !bad; n++) {
    value(path "." n)
    space()
    c = substr(text, at++, 1)
    if (c == "]") return
    if (c != ",") return fail()
  }
}
function string(   s, c) {
  at++
  s = ""
  while (at <= length(text)) {
    c = substr(text, at++, 1)
    if (c == "\"") return s
    if (c == "\n") return fail()
    if (c == "\\") {
      c = substr(text, at++, 1)
      if (c == "n") c = "\n"
      else if (c == "t") c = "\t"
      else if (c == "r") c = "\r"
      else if (c == "b" || c == "f") c = " "
      else if (c == "u") {
        if (substr(text, at, 4) !~ /^[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]$/) return fail()
        at += 4
        c = "?"
      } else if (c !~ /["\\\/]/) return fail()
    }
    s = s c
  }
  return fail()
}
