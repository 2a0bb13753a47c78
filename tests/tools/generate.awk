# Invented conversations as native JSON lines, the same ones for the same numbers on any machine.
#
#   awk -v n=600 [-v accounts=200] [-v seed=1] [-v more=0] -f tests/tools/generate.awk >conversations.jsonl
#
# Twelve topics of unequal size over sixteen weeks; every conversation says something of its own.

# Park and Miller's generator: rand() is not the same in every awk.
function random(below) {
    state = (state * 16807) % 2147483647
    return int(state / 2147483647 * below)
}

function pick(list, parts, count) {
    count = split(list, parts, ",")
    return parts[1 + random(count)]
}

function two(number) {
    return sprintf("%02d", number)
}

# Invented words, so that hardly two conversations are alike.
function invented(word, i) {
    word = ""
    for (i = 0; i < 3; i++)
        word = word substr("bdfgklmnprstvz", 1 + random(14), 1) substr("aeiou", 1 + random(5), 1)
    return word
}

function topic(t, verbs, things) {
    topics++
    verb[topics] = verbs
    thing[topics] = things
}

function message(role, text) {
    return "{\"role\": \"" role "\", \"content\": \"" text "\"}"
}

function conversation(i, t, what, about, text, turn, turns) {
    # The first topics are the larger ones.
    t = 1 + random(topics)
    if (random(3) == 0)
        t = 1 + random(4)
    what = pick(thing[t])
    about = invented() " " invented()
    text = pick("Can you,Could you,How do I,How would you,Will you") " " pick(verb[t]) " " what " " pick("for,with,about,from") " " about "?"
    text = message("user", text) ", " message("assistant", "Here is how one may " pick(verb[t]) " " what ", in " (2 + random(7)) " steps.")
    turns = random(3) + more # so many more turns, of some 25 tokens each
    for (turn = 0; turn < turns; turn++)
        text = text ", " message("user", "And " pick(thing[t]) " " invented() "?") ", " message("assistant", "That works the same way.")
    printf "{\"id\": \"made-%d\", \"account\": \"account-%d\", \"created_at\": \"2026-%s-%sT%s:%s:00Z\", \"messages\": [%s], \"metadata\": {\"client\": \"%s\"}}\n",
        i, random(accounts), two(1 + random(4)), two(1 + random(28)), two(random(24)), two(random(60)), text, pick("web,phone,editor")
}

BEGIN {
    state = 48271 * (seed ? seed : 1) % 2147483647
    accounts = accounts ? accounts : 200
    topic(1, "grow,water,prune,plant,feed", "tomatoes on the balcony,a rose hedge,herbs in the kitchen,an apple tree,lettuce in a raised bed")
    topic(2, "write,fix,test,explain,speed up", "a sorting function in Python,a database query,a parser for numbers,a web server in Go,an SQL join")
    topic(3, "cook,bake,season,prepare,preserve", "lentil soup,sourdough bread,a plum cake,roasted vegetables,mushroom risotto")
    topic(4, "plan,book,prepare,shorten,compare", "a train journey,a hiking week,a city weekend,a ferry crossing,a family holiday")
    topic(5, "translate,correct,shorten,polish,rewrite", "a covering letter,a wedding speech,an essay on rivers,a thank you note,a formal complaint")
    topic(6, "solve,prove,draw,check,understand", "a linear equation,a triangle proof,a probability puzzle,an integral,a fraction exercise")
    topic(7, "repair,clean,adjust,oil,replace", "a bicycle chain,brake pads,a punctured tyre,gear cables,a wobbly wheel")
    topic(8, "practise,tune,learn,record,arrange", "guitar chords,a piano sonata,a choir piece,violin scales,drum patterns")
    topic(9, "explain,summarise,date,compare,describe", "the Roman roads,medieval guilds,the printing press,the spice trade,early railways")
    topic(10, "save,budget,invest,track,tax", "monthly household money,a pension plan,student rent,freelance income,holiday spending")
    topic(11, "train,feed,calm,house,walk", "a nervous puppy,two old cats,a parrot,a rescue dog,guinea pigs")
    topic(12, "stretch,strengthen,rest,warm up,train", "a stiff back,the knees before running,shoulders after swimming,a marathon plan,sleep before a race")
    for (i = 1; i <= n; i++)
        conversation(i)
}
