#include "collector/store/planner.h"

#include "collector/store/keys.h"

namespace gnomon::store {

Planner::Planner(const StoreOptions& options, const Database& database)
    : database_(database), admit_(options.admit), tally_(options.calendar) {}

Result<CommitOutcome, IoError> Planner::plan(const Upload& upload) {
  const auto found = known(upload.id.agent);
  if (!found) {
    return Failure{found.error()};
  }
  Known& agent = (*found)->second;
  const std::optional<Cursor>& cursor = agent.cursor;
  const bool same_epoch = cursor.has_value() && cursor->epoch == upload.id.epoch;
  if (cursor.has_value() &&
      (upload.id.epoch < cursor->epoch || (same_epoch && upload.id.sequence <= cursor->sequence))) {
    return CommitOutcome::repeated;
  }
  const std::uint64_t wanted = same_epoch ? cursor->sequence + 1 : 1;
  if (upload.first_sequence != wanted || upload.id.sequence < upload.first_sequence) {
    return CommitOutcome::out_of_order;
  }

  agent.cursor = Cursor{upload.id.epoch, upload.id.sequence};
  if (!agent.moved) {
    agent.moved = true;
    moved_.push_back(*found);
  }
  BatchRecord record{false, upload.received, upload.first_sequence, upload.encoded};
  if (const auto admitted = admit_.admit(upload)) {
    tally_.add(*admitted);
    open_.facts.add(*admitted);
  } else {
    tally_.add_refused(upload);
    open_.facts.add_refused(admitted.error());
    record.refused = true;
    record.encoded = {};
  }
  static_cast<void>(open_.changes.Put(database_.family(Family::batches),
                                      slice(batch_key(upload.id)), slice(batch_value(record))));
  return record.refused ? CommitOutcome::refused : CommitOutcome::stored;
}

PlannedWrite Planner::take() {
  for (KnownAgents::value_type* agent : moved_) {
    agent->second.moved = false;
    static_cast<void>(open_.changes.Put(database_.family(Family::cursors),
                                        slice(cursor_key(agent->first)),
                                        slice(cursor_value(*agent->second.cursor))));
  }
  open_.empty = moved_.empty();
  moved_.clear();
  open_.tokens = tally_.tokens();
  tally_.write(database_, open_.changes);
  return std::exchange(open_, PlannedWrite{});
}

void Planner::forget() {
  moved_.clear();
  known_.clear();
  tally_.clear();
  open_ = PlannedWrite{};
}

Result<Planner::KnownAgents::value_type*, IoError> Planner::known(const std::string& agent) {
  if (const auto found = known_.find(agent); found != known_.end()) {
    return &*found;
  }
  const auto value = database_.get(Family::cursors, cursor_key(agent));
  if (!value) {
    return Failure{value.error()};
  }
  std::optional<Cursor> cursor;
  if (value->has_value()) {
    cursor = parse_cursor_value(**value);
    if (!cursor) {
      return Failure{io_error("read cursor", database_.path(), rocksdb::Status::Corruption())};
    }
  }
  return &*known_.emplace(agent, Known{cursor, false}).first;
}

}  // namespace gnomon::store
