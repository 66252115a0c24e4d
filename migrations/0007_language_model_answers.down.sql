DROP TABLE language_model_answers;
