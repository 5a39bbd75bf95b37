/*
 * What may follow what. Statements need no separators: the scanner tells keys and the
 * openers of sections from the words of a value. After an error the parser goes on at
 * the next key, section or brace, so that all errors are told in one go.
 */
%require "3.8"
%define api.pure full
%define api.prefix {conf_yy}
%define api.location.type {struct conf_loc}
%define parse.error custom
%define parse.lac full
%locations
%param {struct parse *p}

%code requires {
#include "conf/parse.h"

#define YYLLOC_DEFAULT(current, rhs, n)                                                            \
	((current) = (n) > 0 ? YYRHSLOC(rhs, 1) : YYRHSLOC(rhs, 0))
}

%code provides {
int conf_yylex(CONF_YYSTYPE *value, CONF_YYLTYPE *at, struct parse *p);
}

%union {
	const char *text;
	struct conf_value *value;
	struct conf_entry *entry;
	struct parse_chain chain;
	struct parse_entries entries;
}

%token <text> KEY SECTION SECTION_NAME WORD STRING REF FILE_PATH
%token INCLUDE VALUE_ONLY
%token OPEN "{" CLOSE "}" EQUALS "=" COMMA ","
%type <value> value word list element
%type <chain> words elements
%type <entry> pair
%type <entries> pairs

%code {
static void conf_yyerror(const CONF_YYLTYPE *at, struct parse *p, const char *text)
{
	parse_error(p, at, "can't go on: %s", text);
}
}

%%

file:
	items
	| VALUE_ONLY value { p->value = $2; }
	;

items:
	%empty
	| items item
	| items error
	;

item:
	pair { parse_entry(p, $1); }
	| opener items "}" { parse_close(p); yyerrok; }
	| INCLUDE STRING { parse_include(p, $2, &@2); yyerrok; }
	;

opener:
	SECTION "{" { parse_open(p, $1, NULL, &@1); yyerrok; }
	| SECTION SECTION_NAME "{" { parse_open(p, $1, $2, &@1); yyerrok; }
	;

pair:
	KEY "=" value { $$ = parse_new_entry(p, $1, &@1, $3); yyerrok; }
	| KEY "=" error { $$ = NULL; }
	;

value:
	words { $$ = $1.bad ? NULL : $1.first; }
	| list
	| "{" pairs "}" { $$ = parse_new_block(p, &$2, &@1); }
	;

words:
	word { $$ = (struct parse_chain){0}; parse_chain_add(&$$, $1); }
	| words word { $$ = $1; parse_chain_add(&$$, $2); }
	;

word:
	WORD { $$ = parse_new_value(p, CONF_WORD, $1, &@1); }
	| STRING { $$ = parse_new_value(p, CONF_STRING, $1, &@1); }
	| REF { $$ = parse_new_value(p, CONF_REF, $1, &@1); }
	| FILE_PATH { $$ = parse_new_file(p, $1, &@1); }
	;

list:
	"{" "}" { $$ = parse_new_list(p, &(struct parse_chain){.bad = false}, &@1); }
	| "{" elements comma "}" { $$ = parse_new_list(p, &$2, &@1); }
	;

comma:
	%empty
	| ","
	;

elements:
	element { $$ = (struct parse_chain){0}; parse_chain_add(&$$, $1); }
	| elements "," element { $$ = $1; parse_chain_add(&$$, $3); }
	;

element:
	word
	| error { $$ = NULL; }
	;

pairs:
	pair { $$ = (struct parse_entries){0}; parse_entries_add(&$$, $1); }
	| pairs pair { $$ = $1; parse_entries_add(&$$, $2); }
	| pairs error { $$ = $1; parse_entries_add(&$$, NULL); }
	;

%%

static bool expects(const yysymbol_kind_t *kinds, int count, yysymbol_kind_t kind)
{
	for (int i = 0; i < count; i++)
		if (kinds[i] == kind)
			return true;
	return false;
}

/* In the words of the manual: a bare list of tokens would help nobody. */
static const char *expectation(const yysymbol_kind_t *kinds, int count)
{
	bool close = expects(kinds, count, YYSYMBOL_CLOSE);
	bool key = expects(kinds, count, YYSYMBOL_KEY);
	bool word = expects(kinds, count, YYSYMBOL_WORD);

	if (expects(kinds, count, YYSYMBOL_COMMA))
		return "`,` or `}`";
	if (expects(kinds, count, YYSYMBOL_SECTION))
		return close ? "`key = value`, a section, `include` or `}`"
		             : "`key = value`, a section or `include`";
	if (key && close)
		return word ? "a value, `key = value` or `}`" : "`key = value` or `}`";
	if (word)
		return close ? "a value or `}`" : "a value";
	if (expects(kinds, count, YYSYMBOL_STRING))
		return "a file name or a pattern in quotes";
	return "the end of the file";
}

static int yyreport_syntax_error(const yypcontext_t *context, struct parse *p)
{
	yysymbol_kind_t kinds[YYNTOKENS];
	int count = yypcontext_expected_tokens(context, kinds, YYNTOKENS);

	if (count >= 0)
		parse_unexpected(p, yypcontext_location(context), expectation(kinds, count));
	return 0;
}
