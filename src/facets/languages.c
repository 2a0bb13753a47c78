#include "facets/languages.h"

#include <string.h>
#include <strings.h>

/* clang-format off */
static const struct {
    const char *code, *name;
} languages[] = {
    {"af", "Afrikaans"}, {"als", "Alemannic"}, {"am", "Amharic"}, {"an", "Aragonese"}, {"ar", "Arabic"}, {"arz", "Egyptian Arabic"},
    {"as", "Assamese"}, {"ast", "Asturian"}, {"av", "Avar"}, {"az", "Azerbaijani"}, {"azb", "South Azerbaijani"}, {"ba", "Bashkir"},
    {"bar", "Bavarian"}, {"bcl", "Central Bikol"}, {"be", "Belarusian"}, {"bg", "Bulgarian"}, {"bh", "Bihari"}, {"bn", "Bengali"},
    {"bo", "Tibetan"}, {"bpy", "Bishnupriya"}, {"br", "Breton"}, {"bs", "Bosnian"}, {"bxr", "Buryat"}, {"ca", "Catalan"},
    {"cbk", "Chavacano"}, {"ce", "Chechen"}, {"ceb", "Cebuano"}, {"ckb", "Central Kurdish"}, {"co", "Corsican"}, {"cs", "Czech"},
    {"cv", "Chuvash"}, {"cy", "Welsh"}, {"da", "Danish"}, {"de", "German"}, {"diq", "Zazaki"}, {"dsb", "Lower Sorbian"},
    {"dty", "Doteli"}, {"dv", "Dhivehi"}, {"el", "Greek"}, {"eml", "Emilian-Romagnol"}, {"en", "English"}, {"eo", "Esperanto"},
    {"es", "Spanish"}, {"et", "Estonian"}, {"eu", "Basque"}, {"fa", "Persian"}, {"fi", "Finnish"}, {"fr", "French"},
    {"frr", "North Frisian"}, {"fy", "West Frisian"}, {"ga", "Irish"}, {"gd", "Scottish Gaelic"}, {"gl", "Galician"}, {"gn", "Guarani"},
    {"gom", "Konkani"}, {"gu", "Gujarati"}, {"gv", "Manx"}, {"he", "Hebrew"}, {"hi", "Hindi"}, {"hif", "Fiji Hindi"},
    {"hr", "Croatian"}, {"hsb", "Upper Sorbian"}, {"ht", "Haitian Creole"}, {"hu", "Hungarian"}, {"hy", "Armenian"}, {"ia", "Interlingua"},
    {"id", "Indonesian"}, {"ie", "Interlingue"}, {"ilo", "Ilocano"}, {"io", "Ido"}, {"is", "Icelandic"}, {"it", "Italian"},
    {"ja", "Japanese"}, {"jbo", "Lojban"}, {"jv", "Javanese"}, {"ka", "Georgian"}, {"kk", "Kazakh"}, {"km", "Khmer"},
    {"kn", "Kannada"}, {"ko", "Korean"}, {"krc", "Karachay-Balkar"}, {"ku", "Kurdish"}, {"kv", "Komi"}, {"kw", "Cornish"},
    {"ky", "Kyrgyz"}, {"la", "Latin"}, {"lb", "Luxembourgish"}, {"lez", "Lezgian"}, {"li", "Limburgish"}, {"lmo", "Lombard"},
    {"lo", "Lao"}, {"lrc", "Northern Luri"}, {"lt", "Lithuanian"}, {"lv", "Latvian"}, {"mai", "Maithili"}, {"mg", "Malagasy"},
    {"mhr", "Meadow Mari"}, {"min", "Minangkabau"}, {"mk", "Macedonian"}, {"ml", "Malayalam"}, {"mn", "Mongolian"}, {"mr", "Marathi"},
    {"mrj", "Hill Mari"}, {"ms", "Malay"}, {"mt", "Maltese"}, {"mwl", "Mirandese"}, {"my", "Burmese"}, {"myv", "Erzya"},
    {"mzn", "Mazanderani"}, {"nah", "Nahuatl"}, {"nap", "Neapolitan"}, {"nds", "Low German"}, {"ne", "Nepali"}, {"new", "Newar"},
    {"nl", "Dutch"}, {"nn", "Norwegian Nynorsk"}, {"no", "Norwegian"}, {"oc", "Occitan"}, {"or", "Odia"}, {"os", "Ossetian"},
    {"pa", "Punjabi"}, {"pam", "Kapampangan"}, {"pfl", "Palatine German"}, {"pl", "Polish"}, {"pms", "Piedmontese"}, {"pnb", "Western Punjabi"},
    {"ps", "Pashto"}, {"pt", "Portuguese"}, {"qu", "Quechua"}, {"rm", "Romansh"}, {"ro", "Romanian"}, {"ru", "Russian"},
    {"rue", "Rusyn"}, {"sa", "Sanskrit"}, {"sah", "Yakut"}, {"sc", "Sardinian"}, {"scn", "Sicilian"}, {"sco", "Scots"},
    {"sd", "Sindhi"}, {"sh", "Serbo-Croatian"}, {"si", "Sinhala"}, {"sk", "Slovak"}, {"sl", "Slovenian"}, {"so", "Somali"},
    {"sq", "Albanian"}, {"sr", "Serbian"}, {"su", "Sundanese"}, {"sv", "Swedish"}, {"sw", "Swahili"}, {"ta", "Tamil"},
    {"te", "Telugu"}, {"tg", "Tajik"}, {"th", "Thai"}, {"tk", "Turkmen"}, {"tl", "Tagalog"}, {"tr", "Turkish"},
    {"tt", "Tatar"}, {"tyv", "Tuvan"}, {"ug", "Uyghur"}, {"uk", "Ukrainian"}, {"ur", "Urdu"}, {"uz", "Uzbek"},
    {"vec", "Venetian"}, {"vep", "Veps"}, {"vi", "Vietnamese"}, {"vls", "West Flemish"}, {"vo", "Volapuk"}, {"wa", "Walloon"},
    {"war", "Waray"}, {"wuu", "Wu Chinese"}, {"xal", "Kalmyk"}, {"xmf", "Mingrelian"}, {"yi", "Yiddish"}, {"yo", "Yoruba"},
    {"yue", "Cantonese"}, {"zh", "Chinese"},
};

/* What people and models also call them. */
static const struct {
    const char *spoken, *name;
} synonyms[] = {
    {"mandarin", "Chinese"}, {"mandarin chinese", "Chinese"}, {"simplified chinese", "Chinese"}, {"traditional chinese", "Chinese"},
    {"chinese (simplified)", "Chinese"}, {"chinese (traditional)", "Chinese"}, {"brazilian portuguese", "Portuguese"},
    {"castilian", "Spanish"}, {"farsi", "Persian"}, {"filipino", "Tagalog"}, {"bangla", "Bengali"}, {"flemish", "Dutch"},
    {"bokmal", "Norwegian"}, {"norwegian bokmal", "Norwegian"}, {"american english", "English"}, {"british english", "English"},
    {"modern standard arabic", "Arabic"}, {"gaelic", "Scottish Gaelic"}, {"oriya", "Odia"}, {"sinhalese", "Sinhala"},
    {"bahasa indonesia", "Indonesian"}, {"bahasa melayu", "Malay"}, {"slovene", "Slovenian"}, {"uighur", "Uyghur"}, {"nb", "Norwegian"},
};
/* clang-format on */

struct str language_by_code(const char *code)
{
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        if (strcmp(languages[i].code, code) == 0)
            return str_of(languages[i].name);
    return (struct str){0};
}

static bool same_word(struct str a, const char *z)
{
    return strlen(z) == a.n && strncasecmp(a.at, z, a.n) == 0;
}

struct str language_by_name(struct str spoken)
{
    spoken = str_trim(spoken);
    while (spoken.n && spoken.at[spoken.n - 1] == '.')
        spoken.n--;
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        if (same_word(spoken, languages[i].name) || same_word(spoken, languages[i].code))
            return str_of(languages[i].name);
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
        if (same_word(spoken, synonyms[i].spoken))
            return str_of(synonyms[i].name);
    size_t dash = str_find(spoken, STR("-"));
    if (dash == 2 || dash == 3)
        return language_by_name((struct str){spoken.at, dash}); /* pt-BR */
    return (struct str){0};
}
