/**
 * A service that has one of everything Thrift has, for the tests of the wire
 * layer: what it serves must not depend on what the Tasks service happens to use.
 * What is generated from it is checked in; "make thrift-tests" writes it again.
 */

namespace py.twisted tests.interop.gen.twisted.everything
namespace py tests.interop.gen.plain.everything

enum Colour { RED = 1, GREEN = 2, BLUE = 4 }

typedef i64 Moment

struct Leaf {
  1: bool flag,
  2: i8 tiny,
  3: i16 small,
  4: i32 medium,
  5: i64 large,
  6: double real,
  7: string text,
  8: binary raw,
  9: Colour colour,
  10: Moment moment,
  100: optional string far
}

/** Nests as deep as its sender likes. */
struct Tree {
  1: string name,
  2: list<Tree> children
}

union Either {
  1: string text,
  2: i32 number,
  3: Leaf leaf
}

struct Bag {
  1: list<i32> numbers,
  2: set<string> words,
  3: map<string, Leaf> leaves,
  4: map<i32, list<double>> table,
  5: list<bool> flags,
  6: map<i16, bool> switches,
  7: list<binary> blobs,
  8: map<string, map<string, set<i64>>> deep,
  9: Either either,
  10: list<list<string>> lists,
  11: set<Colour> colours,
  12: list<Leaf> row
}

exception Refused { 1: i32 code, 2: string why }

exception Elsewhere { 1: Leaf leaf }

service Base {
  string inherited(1: string text)
}

service Everything extends Base {
  Bag echo(1: Bag bag),
  Leaf leaf(1: Leaf leaf),
  Tree tree(1: Tree tree),
  Either either(1: Either either),
  binary blob(1: binary raw),
  double real(1: double value),
  list<string> strings(1: list<string> values),
  i64 sum(1: list<i64> values),
  map<string, i32> count(1: set<string> words),
  void nothing(),
  /** Throws the first for a code above zero, the second for one below, answers zero. */
  i32 refuse(1: i32 code) throws (1: Refused refused, 2: Elsewhere elsewhere),
  /** Fails with an error the IDL does not know. */
  void fail(),
  /** Answers something that cannot be written. */
  Leaf unwritable(),
  /** Answers after the milliseconds given. */
  i32 later(1: i32 milliseconds),
  oneway void notify(1: string text),
  /** What notify was called with so far, in order. */
  list<string> notified()
}
