#include "tests/tools/demo_names.h"

const struct first_name first_names[] = {
    {"Maribeth", true},   {"Torrin", false},   {"Éloise", true},   {"Calder", false},    {"Wrenna", true},
    {"Jaspar", false},    {"Zoë", true},       {"Bodie", false},   {"Anne-Liv", true},   {"Tavish", false},
    {"Ke'ala", true},     {"Søren", false},    {"Josefína", true}, {"Ruark", false},     {"Talise", true},
    {"Jean-Paul", false}, {"Odalys", true},    {"Mateó", false},   {"Brynja", true},     {"Kellan", false},
    {"Sunniva", true},    {"D'Andre", false},  {"Aiyana", true},   {"Lars-Erik", false}, {"Noémie", true},
    {"Hollis", false},    {"Pippa", true},     {"Ødger", false},   {"Marisol", true},    {"Wyatt Lee", false},
    {"Katya", true},      {"Eoghan", false},   {"Ximena", true},   {"Łukasz", false},    {"Fern", true},
    {"Ansel", false},     {"Mary Dawn", true}, {"Zdeněk", false},  {"Isaura", true},     {"Garrick", false},
    {"Leilani", true},    {"Thane", false},    {"Björk", true},    {"Quill", false},     {"Sora", true},
    {"Emrys", false},     {"Adaeze", true},
};
const size_t first_names_count = sizeof first_names / sizeof *first_names;

const char *const last_names[] = {
    "Alderquist",        "Brantmoor",        "O'Ferran",        "Morning Slope",   "Vossler-Crane",
    "Muñarez",           "Kjellbrand",       "Tall Juniper",    "D'Avelin",        "Hartnagel",
    "Walks At Thaw",     "Peñaluz",          "Stonebrigg",      "Łukowiec",        "Blue Larch",
    "McTavener",         "Thorsgård",        "Seven Coulees",   "Quillander",      "Fennimoor",
    "Bright Antler",     "Yoshikane",        "Okonwari",        "Stands By Cedar", "Delacroîs",
    "Rasmuld",           "St. Arvin",        "River Shawl",     "Van der Holt",    "Pryce-Lindqvist",
    "Gallowmere",        "Øverdahl",         "First Frost",     "Zielnicki",       "Bardsworth",
    "Talks To Swallows", "Nguyenh",          "Castellaño",      "Two Lodgepoles",  "Whitcombe",
    "Ferreira-O'Dell",   "Müllhaus",         "Grey Meadowlark", "Kovařík",         "Sandoval-Reeve",
    "Iron Saddle",       "Hrafnsson",        "Ekberg",          "Wind On Water",   "Abernoth",
    "Désirac",           "Lone Chokecherry", "Trevanion",
};
const size_t last_names_count = sizeof last_names / sizeof *last_names;

const char *const middle_names[] = {"",     "",  "Ray", "Lynn", "Mae",  "José",
                                    "Rose", "A", "J",   "Thaw", "Inés", "Dale"};
const size_t middle_names_count = sizeof middle_names / sizeof *middle_names;
