package server

// furthest returns the index of the reader that is furthest behind, the first of those
// that are as far, and by how many bytes. It is the one that is cut off when all together
// are too far behind. The index is -1 if no reader is behind.
func furthest[T any](readers []T, behind func(T) int) (index, bytes int) {
	index = -1
	for i, r := range readers {
		if n := behind(r); n > bytes {
			index, bytes = i, n
		}
	}
	return index, bytes
}
