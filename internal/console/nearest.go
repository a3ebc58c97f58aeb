package console

import "strings"

// Nearest returns the one of names that word was most likely meant to be, or ""
// if none is near: a name that begins with word, or from which it differs by few
// letters that are wrong, missing, too many or in the wrong order. Names are in
// small letters.
func Nearest(word string, names []string) string {
	word = strings.ToLower(word)
	best, least := "", len(word)/3+2 // more differences than may be
	for _, name := range names {
		d := distance(word, name)
		if len(word) > 1 && len(name) > len(word) && name[:len(word)] == word {
			d = 1
		}
		if d < least && d < max(len(word), len(name)) {
			best, least = name, d
		}
	}
	return best
}

// maxCompared bounds what distance compares. No command or flag is as long.
const maxCompared = 64

// distance is the number of letters to replace, add, remove or exchange with
// their neighbours to make a into b: the optimal string alignment of Damerau
// and Levenshtein.
func distance(a, b string) int {
	if len(a) > maxCompared || len(b) > maxCompared {
		return max(len(a), len(b))
	}
	var rows [3][maxCompared + 1]int // the row before the last, the last, the next
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		rows[2][0] = i
		for j := 1; j <= len(b); j++ {
			replaced := rows[1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			d := min(replaced, rows[1][j]+1, rows[2][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[0][j-2]+1)
			}
			rows[2][j] = d
		}
		rows[0], rows[1] = rows[1], rows[2]
	}
	return rows[1][len(b)]
}
