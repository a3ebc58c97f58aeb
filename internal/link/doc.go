// Package link has what a member of a group says of its links with others, and is told
// of them. Package transport has the links.
package link
