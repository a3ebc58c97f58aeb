// Package console is how the commands of dsm talk with people: text without control
// characters for a terminal, tables, suggestions for mistyped names, and flags with sizes
// and quotas.
package console
