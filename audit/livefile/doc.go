// Package livefile is for small files that people and tools edit while gatepost
// reads them: access keys, admin tokens, TLS material.
//
// A [Follower] keeps what was read last from one file and reads it again when it
// changes. A [List] is a YAML file that holds one list, read strictly and edited
// as text:
//
//	tokens := livefile.List[definition]{Name: "tokens", Rules: rules, Items: read, …}
//	file, err := livefile.Follow(livefile.Source[tokenSet]{Path: path, Rules: rules, What: "tokens", Parse: parse})
//	if err != nil {
//		return err // every fault of the file, one a line
//	}
//	go file.Run(ctx)
//
// What it promises:
//
//   - A file is read as it was at one moment. One that somebody writes to meanwhile
//     is read again, and refused when that does not end. What no stat can tell is a
//     writer who pauses in the middle of a file: replace files by renaming.
//   - A change takes effect within 100 ms, in place, by renaming or behind a
//     symbolic link.
//   - What is not sound in every part never takes effect. What was read before
//     stays, and [Follower.Status] tells of it until the file is mended.
//   - Every [Fault] of a file is reported at once, at its line and column, whatever
//     the file's line ends. None quotes a value that may be secret.
//   - No text stops the process: size and nesting are bounded before it is parsed.
//   - An edit appears whole or not at all, after a crash too. It keeps comments,
//     order, layout, line ends, owner and mode, and is refused where it cannot.
//     Editors on one machine exclude each other.
//
// All methods of [Follower], and all functions, are safe for concurrent use, and so
// are those of a [List] and [Rules] that no longer change. A [Node] and a [Text]
// belong to the function that they are given to. [Follower.Value] takes no lock.
package livefile
