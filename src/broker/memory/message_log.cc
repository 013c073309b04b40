#include "broker/memory/message_log.h"

#include "broker/message_size.h"

#include <algorithm>
#include <utility>

namespace leat {

std::uint64_t MessageLog::append(Message message, SystemTime time, SteadyTime stored) {
  const std::uint64_t sequence = base_ + records_.size();
  bytes_ += size_of(message);
  ++size_;
  by_subject_[message.subject].insert(sequence);
  records_.push_back(std::make_unique<Record>(Record{{std::move(message), sequence, time}, stored}));
  return sequence;
}

bool MessageLog::erase(std::uint64_t sequence) {
  const Record* record = find(sequence);
  if (record == nullptr) return false;
  bytes_ -= size_of(record->message);
  --size_;
  forget_subject(*record);
  records_[sequence - base_].reset();
  while (!records_.empty() && records_.front() == nullptr) {
    records_.pop_front();
    ++base_;
  }
  return true;
}

const MessageLog::Record* MessageLog::find(std::uint64_t sequence) const {
  if (sequence < base_ || sequence - base_ >= records_.size()) return nullptr;
  return records_[sequence - base_].get();
}

const MessageLog::Record* MessageLog::next(std::uint64_t from_sequence) const {
  const std::uint64_t begin = std::max(from_sequence, base_) - base_;
  for (std::uint64_t i = begin; i < records_.size(); ++i) {
    if (records_[i] != nullptr) return records_[i].get();
  }
  return nullptr;
}

const MessageLog::Sequences* MessageLog::under(std::string_view subject) const {
  const auto found = by_subject_.find(subject);
  return found == by_subject_.end() ? nullptr : &found->second;
}

std::uint64_t MessageLog::first_of(std::string_view subject) const {
  const Sequences* sequences = under(subject);
  return sequences == nullptr ? 0 : *sequences->begin();
}

std::uint64_t MessageLog::last_of(std::string_view subject) const {
  const Sequences* sequences = under(subject);
  return sequences == nullptr ? 0 : *sequences->rbegin();
}

std::size_t MessageLog::count_of(std::string_view subject) const {
  const Sequences* sequences = under(subject);
  return sequences == nullptr ? 0 : sequences->size();
}

std::uint64_t MessageLog::count_selected(std::string_view filter) const {
  if (filter.find_first_of("*>") == filter.npos) return count_of(filter);
  std::uint64_t count = 0;
  for (const auto& [subject, sequences] : by_subject_) {
    if (subject_matches(filter, subject)) count += sequences.size();
  }
  return count;
}

void MessageLog::forget_subject(const Record& record) {
  const auto found = by_subject_.find(record.message.subject);
  found->second.erase(record.message.sequence);
  if (found->second.empty()) by_subject_.erase(found);
}

}  // namespace leat
