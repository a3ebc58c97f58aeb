// Package console formats the output of the commands of dsm for people: text without
// control characters for a terminal, tables, and suggestions for mistyped names.
package console
