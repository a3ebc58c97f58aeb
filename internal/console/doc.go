// Package console has what the commands of dsm share where people read and
// write: text that no terminal takes for a command, tables, and the names that
// a mistyped one may have meant.
package console
